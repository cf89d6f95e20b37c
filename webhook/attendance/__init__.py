"""The pages that letters about workshops lead to: tickets, the way into the meeting, and offers of a waiting list.

Plain HTML with forms: they open at once on any phone, without a sign-in, for whoever holds their address.
"""
