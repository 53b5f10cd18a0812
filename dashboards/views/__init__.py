"""What pages are made of: each function turns data into a pane and reads nothing itself."""
