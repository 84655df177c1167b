from tigrest import Handler

while True:
    pass
