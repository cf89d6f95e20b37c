"""The order desk: what is done beside the list of orders, with some of them at once or before there is one.

Each is a piece of an owner's page, over one journey or one list of core's.
"""
