from tigrest import Handler

class Broken(Handler)
    regex = "/syntax"
