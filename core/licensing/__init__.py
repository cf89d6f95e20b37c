"""What a seller's own software asks of licences, and what is done about them: the five calls, signed answers, tokens for
machines without network, and what buyers and owners may change."""
