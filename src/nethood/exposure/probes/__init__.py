"""One module for each thing a host is asked."""
