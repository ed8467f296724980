"""Which moments can a database server be returned to, by the archive of pgBackRest?"""
