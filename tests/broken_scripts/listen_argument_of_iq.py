from tigrest import Handler, Match


class Broken(Handler):
    def on_iq(self, body):
        return body
