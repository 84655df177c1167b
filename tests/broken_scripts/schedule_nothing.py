from tigrest import Handler


class Broken(Handler):
    regex = "/schedule_nothing"
    every = 30

    async def exec_get(self):
        pass
