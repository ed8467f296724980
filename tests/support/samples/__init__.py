"""Are the sample applications what their history says: good where it says good, broken where it says broken?"""
