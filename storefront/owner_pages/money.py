import streamlit as st

from storefront.back_office import gate

me = gate.me()
st.title("Money", anchor=False)
