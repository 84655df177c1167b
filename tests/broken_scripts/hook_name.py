from tigrest import Handler


class Broken(Handler):
    hookFormat = "My Program"

    def read_hook(self, post):
        return {}
