"""What buyers ask of the sidecar beside downloads: their data, their receipts, and the form that buys without script."""
