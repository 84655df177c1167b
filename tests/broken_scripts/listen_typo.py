from tigrest import Handler, Match


class Broken(Handler):
    def on_mesage(self, body):
        return body
