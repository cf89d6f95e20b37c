"""What a shop has in writing for its buyers: receipts and invoices, the details that stand on them, and the seller's own texts.

Pages of buyers draw these pieces; what stands on paper says `core/invoicing`.
"""
