"""What one runs a shop with: its doctor and webhook, backups, and the rehearsal before it opens."""
