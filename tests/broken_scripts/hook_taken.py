from tigrest import Handler


class Broken(Handler):
    hookFormat = "taken"

    def read_hook(self, post):
        return {}


class Other(Broken):
    hookFormat = "taken"
