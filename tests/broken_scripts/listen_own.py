from tigrest import Handler, Match


class Broken(Handler):
    match = Match(own="yes")

    def on_message(self, body):
        return body
