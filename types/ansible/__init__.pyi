# The parts of ansible that our modules use, with types; ansible itself ships none.
