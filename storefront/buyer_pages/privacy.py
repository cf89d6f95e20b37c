from storefront.papers import legal_texts

legal_texts.draw("privacy")
