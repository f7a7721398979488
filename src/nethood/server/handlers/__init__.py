"""One module per group of SMB2 commands; `table` is where the dispatcher finds them."""
