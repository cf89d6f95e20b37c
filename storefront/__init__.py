"""What people see: buyers' pages, drawn with Streamlit."""
