from tigrest import Handler, Match


class Broken(Handler):
    on_message = "hello"
