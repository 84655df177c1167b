from tigrest import Handler


class Broken(Handler):
    every = 30

    def on_schedule(self, sevice):
        pass
