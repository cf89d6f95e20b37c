"""What the owner's pages share: who may be there, the frame, the states in colours, and the dialogs in which things are done.

Who it is is asked of the database for every page and for every action.
"""
