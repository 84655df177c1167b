from tigrest import Handler, Match


class Broken(Handler):
    def on_message(self, boddy):
        return boddy
