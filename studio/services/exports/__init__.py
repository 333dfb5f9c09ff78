"""Download my data: one BagIt bag of everything, built once, the same bytes however often it is begun again."""
