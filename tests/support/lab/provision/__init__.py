"""Does provisioning make of bare Debian hosts what releases need, and nothing that gives more rights away?"""
