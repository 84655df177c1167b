from tigrest import Handler


class Broken(Handler):
    schedule = "* * * * *"
    every = 30

    async def on_schedule(self, service):
        pass
