from tigrest import Handler


class Broken(Handler):
    every = "30"

    async def on_schedule(self, service):
        pass
