from tigrest import Handler


class Broken(Handler):
    regex = "/no_methods"
