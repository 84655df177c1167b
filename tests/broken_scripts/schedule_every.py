from tigrest import Handler


class Broken(Handler):
    every = 0.5

    async def on_schedule(self, service):
        pass
