"""What is true of the shop: tables, rules and journeys. Knows no Streamlit, no FastAPI and no processes."""
