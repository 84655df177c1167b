from tigrest import Handler

x = "ÿ"
