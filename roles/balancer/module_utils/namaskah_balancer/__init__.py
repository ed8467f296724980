"""What stands before the hosts: how is it asked, told that a host leaves, and told that it is back?"""
