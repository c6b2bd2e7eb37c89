"""The Hugging Face Hub: models are pushed, pulled, checked and found. The client is imported only when it is used."""
