"""What do migrations do to a database, and which code goes on working with what they leave?"""
