"""What this machine itself has open: its listeners, its firewall, its settings."""
