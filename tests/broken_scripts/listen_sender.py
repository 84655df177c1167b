from tigrest import Handler, Match


class Broken(Handler):
    match = Match(sender=5)

    def on_message(self, body):
        return body
