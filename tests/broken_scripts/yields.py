from tigrest import Handler


class Broken(Handler):
    regex = "/yields"

    async def exec_get(self):
        yield "a"
