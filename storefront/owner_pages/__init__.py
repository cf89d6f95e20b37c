"""The pages of the owner's side, one file each. A file draws itself when it is run, and asks first who is there."""
