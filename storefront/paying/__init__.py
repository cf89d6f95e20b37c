"""What stands before the payment page, in the cart and beside it: what is to be agreed to, for whom it is bought, and the way to
pay for one product at once."""
