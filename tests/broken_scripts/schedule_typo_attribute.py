from tigrest import Handler


class Broken(Handler):
    shedule = "* * * * *"

    async def on_schedule(self, service):
        pass
