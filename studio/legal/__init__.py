"""What is written for the public: versioned texts, where the documents are, and the templates that draw them."""
