from tigrest import Handler


class Broken(Handler):
    hookFormat = "broken"
