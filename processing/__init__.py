"""What one session sets off: taken in with the promise to process it, and processed."""
