from tigrest import Handler


class Broken(Handler):
    hookFormat = "broken"

    async def read_hook(self, post):
        return {}
