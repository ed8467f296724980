"""What a restore is: a new database, proved, with the old one's properties; the loss, counted; the swap; the return."""
