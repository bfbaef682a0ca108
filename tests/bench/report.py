def machine(): return {}
def text(record): 
    import json; return ""
def write_page(record): pass
