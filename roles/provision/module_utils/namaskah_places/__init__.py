"""How does root make folders and files for others, without being led elsewhere by them?"""
