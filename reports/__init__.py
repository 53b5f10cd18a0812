"""Mails to people: what is said, put into words, queued with what it is about, and handed over."""
