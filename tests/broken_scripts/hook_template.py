from tigrest import Handler


class Broken(Handler):
    hookFormat = "broken"

    def read_hook(self, post):
        return {}
