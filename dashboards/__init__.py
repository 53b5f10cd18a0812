"""The Panel application: one file a page."""
