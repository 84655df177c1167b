from tigrest import Handler


class Broken(Handler):
    def read_hook(self, post):
        return {}
